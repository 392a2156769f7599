"""One module per examinee, named after its connector; found by being here."""
