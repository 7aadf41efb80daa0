"""The look of the pages: a quiet theme on system fonts, so that nothing is fetched from anywhere."""

from pathlib import Path

import gradio as gr

STYLE_PATH = Path(__file__).with_name("style.css")

_SANS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "Liberation Sans", "sans-serif")
_MONO = ("ui-monospace", "SFMono-Regular", "Consolas", "Liberation Mono", "monospace")

_TEAL = gr.themes.Color(
    c50="#f0faf8", c100="#d5f1ec", c200="#aee2d9", c300="#7ccdc1", c400="#46b0a3", c500="#1f9387",
    c600="#0f766e", c700="#0d5f59", c800="#0e4c48", c900="#0f3f3c", c950="#052524",
)  # fmt: skip


def theme() -> gr.themes.Base:
    """Return the theme: one accent (teal) on slate greys, soft corners, no shadows; light or dark as the browser is."""
    base = gr.themes.Base(
        primary_hue=_TEAL,
        secondary_hue=_TEAL,
        neutral_hue=gr.themes.colors.slate,
        radius_size=gr.themes.sizes.radius_md,
        font=_SANS,
        font_mono=_MONO,
    )
    return base.set(
        body_background_fill="#f6f7f9",
        body_background_fill_dark="*neutral_950",
        block_background_fill="white",
        block_background_fill_dark="*neutral_900",
        block_border_width="1px",
        block_shadow="none",
        block_label_background_fill="transparent",
        block_label_background_fill_dark="transparent",
        block_label_border_width="0px",
        block_label_text_color="*neutral_500",
        block_title_text_color="*neutral_700",
        block_title_text_color_dark="*neutral_300",
        block_title_text_weight="500",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_600",
        button_primary_background_fill_hover_dark="*primary_500",
        button_primary_text_color="white",
        button_secondary_background_fill="white",
        button_secondary_background_fill_dark="*neutral_800",
        button_secondary_background_fill_hover="*neutral_50",
        button_secondary_background_fill_hover_dark="*neutral_700",
        button_secondary_border_color="*neutral_300",
        button_secondary_border_color_dark="*neutral_600",
        button_secondary_text_color="*neutral_800",
        button_border_width="1px",
        button_large_text_weight="600",
        button_medium_text_weight="500",
        button_small_text_weight="500",
        checkbox_label_background_fill="white",
        checkbox_label_background_fill_dark="*neutral_800",
        checkbox_label_background_fill_hover="*neutral_50",
        checkbox_label_background_fill_selected="*primary_50",
        checkbox_label_background_fill_selected_dark="*primary_900",
        checkbox_label_border_color="*neutral_300",
        checkbox_label_border_color_dark="*neutral_600",
        checkbox_label_border_color_selected="*primary_600",
        checkbox_label_border_width="1px",
        checkbox_label_border_width_dark="1px",
        checkbox_label_border_color_selected_dark="*primary_400",
        checkbox_border_color="*neutral_500",
        checkbox_border_color_dark="*neutral_400",
        checkbox_background_color_dark="*neutral_900",
        checkbox_border_width_dark="1px",
        block_info_text_color="*neutral_600",
        slider_color="*primary_600",
        slider_color_dark="*primary_500",
        input_background_fill="white",
        input_background_fill_dark="*neutral_800",
    )
