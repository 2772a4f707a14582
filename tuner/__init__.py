"""A hyperparameter search service for the models in `models`, on Ray Tune and Optuna."""
