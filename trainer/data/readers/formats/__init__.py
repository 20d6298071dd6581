"""One file per format of tables; ``trainer.data.readers.contract.Reader`` says what each has."""
