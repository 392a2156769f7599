"""The inbox: any PSA or CRM may hand in approved facts as signed CloudEvents."""
