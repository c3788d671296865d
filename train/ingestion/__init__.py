"""A dataset out of folders of photographs and videos."""
