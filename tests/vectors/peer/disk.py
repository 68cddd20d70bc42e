"""Files and folders on the disk, as a transfer has them."""

import os


def made(home, name, entries):
    """Puts entries on the disk, given as a path below this name and the content, or nothing for a folder."""
    for path, content in entries:
        at = os.path.join(home, name, *path)
        if content is None:
            os.makedirs(at)
        else:
            with open(at, "wb") as file:
                file.write(content)


def there(home, name):
    """By path, what is on the disk: contents, or nothing for a folder."""
    root = os.path.join(home, name)
    if os.path.isfile(root):
        return {(): read(root)}
    found = {}
    for folder, _, files in os.walk(root):
        path = tuple(part for part in os.path.relpath(folder, root).split("/") if part != ".")
        found[path] = None
        for file in files:
            found[(*path, file)] = read(os.path.join(folder, file))
    return found


def read(path):
    with open(path, "rb") as file:
        return file.read()
