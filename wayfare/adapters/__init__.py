"""One file per outside technology and role; driver errors become domain errors here."""
