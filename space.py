"""The app file of a Hugging Face Space: serves the site with what the Space's settings say."""

from undertone.app.cli.space_app import run

if __name__ == "__main__":
    run()
