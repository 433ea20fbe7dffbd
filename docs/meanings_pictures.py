"""What the generated tables say of pictures and clips."""

ACTIONS: dict[str, str] = {
    "picture-kept": "Nothing: it is there for whoever looks into what it is about.",
    "picture-missed": "`why` says it: make room on the disk, look at the camera, or at the log.",
    "picture-shown": "Nothing, if you know why. Else ask who the operator is.",
    "pictures-erased": "Nothing: nobody can open them any more, copies of the files included.",
}
