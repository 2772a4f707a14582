"""The Grammar-VAE (Kusner et al. 2017): a variational autoencoder over grammar productions."""
