"""What a listening study is, as a YAML file, and how its sounds are made."""

from undertone.studies.design.errors import DesignError
from undertone.studies.design.scales import SCALES, Scale
from undertone.studies.design.study_file import StudyFile, load_study_file, study_from_json

__all__ = ["SCALES", "DesignError", "Scale", "StudyFile", "load_study_file", "study_from_json"]
