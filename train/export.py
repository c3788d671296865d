def export_run(*a, **k): print("export", a[1], k)
