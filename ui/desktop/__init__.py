"""The desktop: presenters without Qt, views with it, one canvas that knows napari."""
