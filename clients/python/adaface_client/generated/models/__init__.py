"""Contains all the data models used in inputs/outputs"""

from .accepted import Accepted
from .advice import Advice
from .agreement import Agreement
from .b_box import BBox
from .batch import Batch
from .batch_body import BatchBody
from .batch_item import BatchItem
from .calibration import Calibration
from .candidate import Candidate
from .collection import Collection
from .collection_body import CollectionBody
from .collection_body_metadata import CollectionBodyMetadata
from .collection_metadata import CollectionMetadata
from .collection_patch import CollectionPatch
from .collection_patch_metadata_type_0 import CollectionPatchMetadataType0
from .collection_settings import CollectionSettings
from .collection_settings_template_type_0 import CollectionSettingsTemplateType0
from .collections import Collections
from .components import Components
from .detect_batch_embedding import DetectBatchEmbedding
from .detect_batch_files_body import DetectBatchFilesBody
from .detect_batch_lane import DetectBatchLane
from .detect_faces_embedding import DetectFacesEmbedding
from .detect_faces_files_body import DetectFacesFilesBody
from .detect_faces_lane import DetectFacesLane
from .embed_batch_embedding import EmbedBatchEmbedding
from .embed_batch_files_body import EmbedBatchFilesBody
from .embed_batch_lane import EmbedBatchLane
from .embed_faces_embedding import EmbedFacesEmbedding
from .embed_faces_files_body import EmbedFacesFilesBody
from .embed_faces_lane import EmbedFacesLane
from .enroll_face_files_body import EnrollFaceFilesBody
from .enroll_face_lane import EnrollFaceLane
from .enrolled_face import EnrolledFace
from .enrolled_faces import EnrolledFaces
from .enrollment import Enrollment
from .face import Face
from .faces import Faces
from .failing import Failing
from .gallery_health import GalleryHealth
from .health import Health
from .health_status import HealthStatus
from .identification import Identification
from .identified import Identified
from .identified_decision import IdentifiedDecision
from .identified_reasons_item import IdentifiedReasonsItem
from .identify_body import IdentifyBody
from .identify_faces_assignment import IdentifyFacesAssignment
from .identify_faces_calibration import IdentifyFacesCalibration
from .identify_faces_embedding import IdentifyFacesEmbedding
from .identify_faces_files_body import IdentifyFacesFilesBody
from .identify_faces_lane import IdentifyFacesLane
from .image_body import ImageBody
from .images_body import ImagesBody
from .import_persons_on_conflict import ImportPersonsOnConflict
from .imported import Imported
from .merge_body import MergeBody
from .missing_face import MissingFace
from .missing_faces import MissingFaces
from .model import Model
from .model_detail import ModelDetail
from .model_detail_files import ModelDetailFiles
from .model_detail_loss_constants import ModelDetailLossConstants
from .model_detail_metrics import ModelDetailMetrics
from .model_metrics import ModelMetrics
from .models import Models
from .move_body import MoveBody
from .operating_point import OperatingPoint
from .outlier import Outlier
from .person import Person
from .person_body import PersonBody
from .person_body_metadata import PersonBodyMetadata
from .person_metadata import PersonMetadata
from .person_patch import PersonPatch
from .person_patch_metadata_type_0 import PersonPatchMetadataType0
from .person_summary import PersonSummary
from .person_summary_metadata import PersonSummaryMetadata
from .persons import Persons
from .pictured import Pictured
from .problem import Problem
from .quality import Quality
from .quality_scale import QualityScale
from .quality_scale_direction import QualityScaleDirection
from .quality_scale_percentiles import QualityScalePercentiles
from .quality_scale_spearman import QualityScaleSpearman
from .rejected import Rejected
from .renewal import Renewal
from .renewal_body import RenewalBody
from .renewal_state import RenewalState
from .subject import Subject
from .supply_crop_files_body import SupplyCropFilesBody
from .supply_crop_lane import SupplyCropLane
from .suspects import Suspects
from .verification import Verification
from .verification_decision import VerificationDecision
from .verification_reasons_item import VerificationReasonsItem
from .verify_body import VerifyBody
from .verify_faces_embedding import VerifyFacesEmbedding
from .verify_faces_files_body import VerifyFacesFilesBody
from .verify_faces_lane import VerifyFacesLane
from .weak import Weak
from .weak_reason import WeakReason

__all__ = (
    "Accepted",
    "Advice",
    "Agreement",
    "Batch",
    "BatchBody",
    "BatchItem",
    "BBox",
    "Calibration",
    "Candidate",
    "Collection",
    "CollectionBody",
    "CollectionBodyMetadata",
    "CollectionMetadata",
    "CollectionPatch",
    "CollectionPatchMetadataType0",
    "Collections",
    "CollectionSettings",
    "CollectionSettingsTemplateType0",
    "Components",
    "DetectBatchEmbedding",
    "DetectBatchFilesBody",
    "DetectBatchLane",
    "DetectFacesEmbedding",
    "DetectFacesFilesBody",
    "DetectFacesLane",
    "EmbedBatchEmbedding",
    "EmbedBatchFilesBody",
    "EmbedBatchLane",
    "EmbedFacesEmbedding",
    "EmbedFacesFilesBody",
    "EmbedFacesLane",
    "EnrolledFace",
    "EnrolledFaces",
    "EnrollFaceFilesBody",
    "EnrollFaceLane",
    "Enrollment",
    "Face",
    "Faces",
    "Failing",
    "GalleryHealth",
    "Health",
    "HealthStatus",
    "Identification",
    "Identified",
    "IdentifiedDecision",
    "IdentifiedReasonsItem",
    "IdentifyBody",
    "IdentifyFacesAssignment",
    "IdentifyFacesCalibration",
    "IdentifyFacesEmbedding",
    "IdentifyFacesFilesBody",
    "IdentifyFacesLane",
    "ImageBody",
    "ImagesBody",
    "Imported",
    "ImportPersonsOnConflict",
    "MergeBody",
    "MissingFace",
    "MissingFaces",
    "Model",
    "ModelDetail",
    "ModelDetailFiles",
    "ModelDetailLossConstants",
    "ModelDetailMetrics",
    "ModelMetrics",
    "Models",
    "MoveBody",
    "OperatingPoint",
    "Outlier",
    "Person",
    "PersonBody",
    "PersonBodyMetadata",
    "PersonMetadata",
    "PersonPatch",
    "PersonPatchMetadataType0",
    "Persons",
    "PersonSummary",
    "PersonSummaryMetadata",
    "Pictured",
    "Problem",
    "Quality",
    "QualityScale",
    "QualityScaleDirection",
    "QualityScalePercentiles",
    "QualityScaleSpearman",
    "Rejected",
    "Renewal",
    "RenewalBody",
    "RenewalState",
    "Subject",
    "SupplyCropFilesBody",
    "SupplyCropLane",
    "Suspects",
    "Verification",
    "VerificationDecision",
    "VerificationReasonsItem",
    "VerifyBody",
    "VerifyFacesEmbedding",
    "VerifyFacesFilesBody",
    "VerifyFacesLane",
    "Weak",
    "WeakReason",
)
