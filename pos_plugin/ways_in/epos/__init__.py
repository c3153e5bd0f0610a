"""Epson ePOS-Print XML: a till that prints to an Epson printer's web service prints to us.

    elements    what a request may hold: every element and attribute, with the values that it may have
    request     the XML of a request, read with bounds
    encoding    the elements as the bytes of this till's printer
    codes       bar codes and symbols among them
    images      pictures among them
    answers     a verdict and the printer's state as Epson's code and status
    app         the service itself

After Epson's "ePOS-Print XML User's Manual" (M00048218) and what its JavaScript (epos-2.x.js) sends and reads.
"""
