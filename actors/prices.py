"""The prices of a validation: the same ones in each of its steps."""

from actors.parameters import ValidateAlgorithms
from orchestration import Context, settings
from trading.dataset import Dataset, prepare
from trading.errors import SourceError
from trading.period import Period
from trading.progress import OnProgress, unheard
from trading.sources.embedded import EmbeddedSource
from trading.sources.local import LocalSource
from trading.sources.source import Source

CHECKED_BY = "preparing_validation_data"


def configured_source() -> Source:
    """Return the directory MARKET_DATA_DIR if it is set, else the embedded prices.

    Raises:
        SourceError: It is no directory.
    """
    directory = settings.load().market_data_dir
    if directory is None:
        return EmbeddedSource()
    source = LocalSource(directory)
    if not directory.is_dir():
        raise SourceError(source.name, f"MARKET_DATA_DIR is {directory}, which is no directory")
    return source


def question(context: Context) -> ValidateAlgorithms:
    """Return the run's parameters by their type."""
    return ValidateAlgorithms.model_validate(context.parameters, from_attributes=True)


def dataset_for(asked: ValidateAlgorithms, on_progress: OnProgress = unheard) -> Dataset:
    """Load and check the prices that the parameters ask for.

    Raises:
        TradingError: The prices are not there, or not usable.
    """
    return prepare(
        configured_source(),
        asked.symbols,
        asked.benchmark,
        Period.parse(asked.validation_period),
        on_progress,
    )


def checked_dataset(context: Context) -> Dataset:
    """Load the prices again and make sure that they are those of the first step.

    Raises:
        ProvenanceError: They have changed since.
        TradingError: They are no longer there, or not usable.
    """
    dataset = dataset_for(question(context))
    dataset.provenance.require(context.results[CHECKED_BY]["data"]["sha256"])
    return dataset
