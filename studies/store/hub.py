"""A private dataset on the Hugging Face Hub that follows the data folder, for machines whose disk is wiped.

What goes there: the log's copy, the newest snapshot and the studies' sounds. The dataset's history is squashed after
every upload, so that what a person withdrew does not live on in an old commit.
"""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from undertone.studies.store.backup import LATEST
from undertone.studies.store.errors import StoreError
from undertone.studies.store.locations import StorageLocations

if TYPE_CHECKING:
    from concurrent.futures import Future

    from huggingface_hub import CommitScheduler, HfApi

logger = logging.getLogger(__name__)
REPOSITORY_VARIABLE = "UNDERTONE_BACKUP_REPO"  # owner/name of a dataset; without it nothing leaves the machine
EVERY_MINUTES = 5.0
LAST_UPLOAD_SECONDS = 8.0  # at the end of a server, which whoever runs it kills after 20 s or so
_last_uploads: "list[Future[object]]" = []
FILES = ["events/*.jsonl", f"backups/{LATEST}", "media/*/*"]


class HubCopy:
    """Copy of the data folder on the Hub: downloaded at the start, uploaded from then on.

    Args:
        repository: `owner/name` of a dataset; it is made, private, where there is none.
        api: replaced in tests.

    Attributes:
        may_upload: asked before anything is uploaded; of several servers with the same studies one may.
    """

    def __init__(
        self,
        repository: str,
        places: StorageLocations,
        every_minutes: float = EVERY_MINUTES,
        api: "HfApi | None" = None,
    ) -> None:
        self._repository, self._places, self._every = repository, places, every_minutes
        from huggingface_hub import HfApi  # only loaded where a copy is kept

        self._api = api or HfApi()
        self._scheduler: CommitScheduler | None = None
        self.may_upload: Callable[[], bool] = lambda: True

    def fetch(self) -> int:
        """Download everything; returns the number of files, 0 for a dataset that is new.

        Raises:
            StoreError: the Hub cannot be asked, so nobody knows whether there is anything to bring back.
        """
        try:
            self._api.create_repo(self._repository, repo_type="dataset", private=True, exist_ok=True)
            listed = self._api.list_repo_files(self._repository, repo_type="dataset")
            files = [name for name in listed if not name.startswith(".")]
            if files:
                folder = str(self._places.data)
                self._api.snapshot_download(
                    self._repository, repo_type="dataset", local_dir=folder, allow_patterns=FILES
                )
        except Exception as error:  # of several libraries; whichever it is, starting empty would be wrong
            raise StoreError(
                f"the copy in {self._repository!r} cannot be fetched ({type(error).__name__}: {error}). "
                "Check the network and the token."
            ) from error
        return len(files)

    def start(self) -> None:
        """Upload what is there and what comes, from a thread of its own.

        Call it again from time to time: the Hub may have been down, or another server may have uploaded till then.
        """
        if not self.may_upload():
            if self._scheduler is not None:
                self._scheduler.stop()
                self._scheduler = None
            return
        if self._scheduler is not None:
            return
        from huggingface_hub import CommitScheduler

        try:
            self._scheduler = CommitScheduler(
                repo_id=self._repository,
                repo_type="dataset",
                folder_path=self._places.data,
                every=self._every,
                private=True,
                allow_patterns=FILES,
                squash_history=True,
                hf_api=self._api,
            )
        except Exception:  # of several libraries; ratings go on without it
            logger.exception("nothing is uploaded to %s for now", self._repository)

    def stop(self, seconds: float = LAST_UPLOAD_SECONDS) -> None:
        """Upload the last changes and end; an upload that takes longer goes on, see `uploads_go_on`."""
        if self._scheduler is None:
            return
        upload = self._scheduler.trigger()
        _last_uploads.append(upload)
        try:
            upload.result(timeout=seconds)
        except TimeoutError:
            logger.error("the last upload to %s took more than %g s and is broken off", self._repository, seconds)
        except Exception:  # the data is on this disk; the upload's error is already in the log
            logger.exception("the last upload to %s failed", self._repository)
        self._scheduler.stop()


def uploads_go_on() -> bool:
    """Return whether a last upload has not ended; Python would wait for it at its exit, however long it takes."""
    return any(not upload.done() for upload in _last_uploads)
