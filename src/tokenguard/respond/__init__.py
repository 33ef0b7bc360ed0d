"""From a finding to a dead token: the client of a store's API, issuers described as data, the journal, revoking."""
