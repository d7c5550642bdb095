"""
The REST API.

* `operation`: an operation, and what is told of it.
* `values`, `records`, `peers`, `lookups`: the operations.
* `streams`: results that are written as they arrive.
* `turns`: how many queries clients may have at once.
* `description`: the OpenAPI document, made from the operations.
"""
