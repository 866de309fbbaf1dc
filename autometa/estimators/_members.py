"""What predicts after `fit`: a weighted mean of adapted networks and of models of tables."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Members:
    """Models and their weights, which add up to 1.

    Attributes
    ----------
    n_classes : int or None
        None for regression.
    networks : list of (float, NetworkModel)
    tables : list of (float, list of TableModel)
        Models of one configuration, such as one a fold, share its weight evenly.
    """

    n_classes: int | None
    networks: list = field(default_factory=list)
    tables: list = field(default_factory=list)

    def add_tables(self, weight, candidate, n_models=None):
        """Add the models of a configuration of tables; of all rows and of folds, half each.

        Parameters
        ----------
        weight : float
        candidate : Candidate
        n_models : int, optional
            So many of them only, those of all rows first.
        """
        refits, models = candidate.refits, candidate.models
        if not refits:
            self.tables.append((weight, models[:n_models]))
        elif n_models is None or n_models >= len(refits) + len(models):
            self.tables.extend([(weight / 2, models), (weight / 2, refits)])
        else:
            self.tables.append((weight, [*refits, *models][:n_models]))

    def predict(self, frame, encoder, as_given=None):
        """Predict rows; each row's numbers depend on that row alone.

        Parameters
        ----------
        frame : DataFrame of shape (n_rows, n_features)
        encoder : TableEncoder
            Of the networks.
        as_given : DataFrame of shape (n_rows, n_features), optional
            For estimators that are fitted on frames as they are, the rows with the cells that no
            other can read.

        Returns
        -------
        ndarray of shape (n_rows, n_classes) or (n_rows,)
            Probabilities, or numbers in the units of the target fitted on; float64.
        """
        total, prepared = 0.0, {}
        as_given = frame if as_given is None else as_given
        if self.networks:
            cells = encoder.transform(frame)
            for weight, model in self.networks:
                total = total + weight * model.predict(cells)
        for weight, models in self.tables:
            for model in models:
                preparation = model.preparation_
                if id(preparation) not in prepared:
                    rows = as_given if preparation.form == "frame" else frame
                    prepared[id(preparation)] = preparation.transform(rows)
                found = model.predict_prepared(prepared[id(preparation)], self.n_classes)
                total = total + weight / len(models) * found
        return total
