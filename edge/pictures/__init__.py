"""Pictures and clips at rest: sealed files, each under a key of its own, which go with their keys.

`choosing` says of which entries something is kept, `keeper` sees to it beside the daemon, `index`
is the file of keys, `sealed` the format, and `store` puts both together so that a cut at any moment
leaves nothing that the journal does not know. `sealed` and `store` alone need PyNaCl.
"""
