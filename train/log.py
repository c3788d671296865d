"""Show the log of experiments: a table, newest first.

    python -m train.log                    print the table
    python -m train.log --topic size       print the experiments of a topic
    python -m train.log --write            write experiments/README.md and a page for each topic

An experiment is a file of experiments/, such as 001-base.toml: date, commit, topic, question,
command, parents, data, epochs, hours, machine, scores with split and metric, verdict and notes.
private-test.toml has every evaluation on PrivateTest, as `train.evaluate` prints them.
"""

from pathlib import Path

from train.cli import command_parser, explained
from train.errors import DataError
from train.files import replace_file
from train.reporting.experiments import overview, pages, read_experiments, read_topics, readings
from train.reporting.markdown import replace_marked

FOLDER = Path(__file__).resolve().parent.parent / "experiments"


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    parser = command_parser("train.log", __doc__)
    parser.add_argument(
        "--experiments", type=Path, default=FOLDER, metavar="DIR", help="default: experiments"
    )
    parser.add_argument("--topic", metavar="NAME", help="of topics.toml")
    parser.add_argument(
        "--write", action="store_true", help="write README.md and pages of the folder"
    )
    options = parser.parse_args(arguments)
    folder = options.experiments
    with explained():
        experiments = read_experiments(folder)
        by_topic = pages(experiments, read_topics(folder))
        if options.topic is not None and options.topic not in by_topic:
            raise DataError(f"there is no topic {options.topic!r}; known: {', '.join(by_topic)}.")
        if options.write:
            replace_marked(folder / "README.md", "experiments", overview(experiments))
            replace_marked(folder / "README.md", "private test", readings(folder))
            for topic, text in by_topic.items():
                replace_file(folder / "pages" / f"{topic}.md", text)
            print(f"wrote {folder / 'README.md'} and {folder / 'pages'}")
        elif options.topic is not None:
            print(by_topic[options.topic], end="")
        else:
            print(overview(experiments))


if __name__ == "__main__":
    main()
