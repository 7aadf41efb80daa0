"""The Gradio pages: widgets, layout and plots. What a page does is in engine or studies."""
