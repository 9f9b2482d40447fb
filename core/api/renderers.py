"""What a caller may ask for (Accept) besides JSON."""

from rest_framework.renderers import JSONRenderer


class PdfRenderer(JSONRenderer):
    """Lets a caller ask for a PDF, whose bytes the view gives. Written here is a refusal: a problem document."""

    media_type = "application/pdf"
    format = "pdf"


PDF_RENDERERS = (PdfRenderer, JSONRenderer)
"""For a view that answers with a PDF: it comes to those who ask for anything, or for JSON by habit, all the same."""
