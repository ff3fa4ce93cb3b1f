"""What the API takes and answers with: one msgspec Struct for each document.

The API and its client share them; the OpenAPI is made of them. They hold no behaviour.
"""
