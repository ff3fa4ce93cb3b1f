"""What the OpenAPI says beside `fuseline.schemas`: bodies that the registry reads, examples."""
