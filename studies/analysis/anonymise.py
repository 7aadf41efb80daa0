"""Names for raters that say nothing about them: in reports and exports, where ids of the database have no place."""

from undertone.studies.analysis.ratings_frame import StudyData


def anonymous_names(data: StudyData) -> dict[str, str]:
    """Name ids R001, R002 ... in their own order, which is random."""
    ids = sorted({str(rater) for table in (data.ratings, data.sessions) for rater in table["rater"]})
    width = max(3, len(str(len(ids))))
    return {rater: f"R{number:0{width}d}" for number, rater in enumerate(ids, 1)}


def anonymous_sessions(data: StudyData) -> dict[str, str]:
    """Name sessions S001, S002 ... in the order of their ids, which are random."""
    ids = sorted({str(session) for table in (data.ratings, data.sessions) for session in table["session"]})
    width = max(3, len(str(len(ids))))
    return {session: f"S{number:0{width}d}" for number, session in enumerate(ids, 1)}
