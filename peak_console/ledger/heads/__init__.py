"""Signed heads of the ledger: the tree, the notes, the notary that signs, anchors outside, proofs."""
