import ArgumentParser
import Foundation
import OctavoCore
import OctavoEngine
import OctavoFiles
import OctavoHub
import OctavoJobs
import OctavoPostgres
import OctavoQueue
import OctavoTokenizer
import OctavoWeights

/// The status with which a command ends, after BSD's sysexits where it names one.
enum ExitStatus: Int32 {
    /// It ran, and something did not end well: requests failed, or are not finished.
    case incomplete = 1
    case usage = 64
    case badData = 65
    case inputNotFound = 66
    case unavailable = 69
    case internalError = 70
    case cannotWrite = 73
    case interrupted = 130

    /// The status for an error that a library threw.
    init(for error: any Error) {
        self =
            switch error {
            case is CancellationError: .interrupted
            case let error as BatchFileError: Self(error.kind)
            case is BatchFileErrors, is TokenizerError, is ChatTemplateError, is RequestError: .badData
            case let error as WeightsError:
                FileManager.default.fileExists(atPath: error.path) ? .badData : .inputNotFound
            case let error as QueueError: Self(error)
            case let error as HubError: Self(error.kind)
            case is JobError: .badData
            case is ExportError: .incomplete
            case is PostgresError, is EngineError, is GuardedRunner.Failure: .unavailable
            default: .internalError
            }
    }

    private init(_ kind: BatchFileError.Kind) {
        self =
            switch kind {
            case .invalidInput: .badData
            case .unreadableInput: .inputNotFound
            case .unwritableOutput: .cannotWrite
            }
    }

    private init(_ kind: HubError.Kind) {
        self =
            switch kind {
            case .notFound: .inputNotFound
            case .accessDenied, .unavailable: .unavailable
            case .badData: .badData
            case .cannotWrite: .cannotWrite
            }
    }

    private init(_ error: QueueError) {
        self =
            switch error {
            case .noSuchBatch, .ambiguousName, .noSuchRole: .inputNotFound
            case .idempotencyKeyReused, .duplicateCustomID, .tooManyRequests: .badData
            case .schemaMissing, .schemaOutdated, .schemaNewer, .loadedElsewhere: .unavailable
            case .wrongState, .notLoading: .incomplete
            case .incompleteLoad: .internalError
            }
    }

    /// Whether the argument parser threw it: help, version, or a mistake in the arguments.
    static func isParserError(_ error: any Error) -> Bool {
        error is ExitCode || error is ValidationError || error is CleanExit
            || String(reflecting: type(of: error)).hasPrefix("ArgumentParser.")
    }
}

/// Ends the command with a status and a message on stderr.
struct CommandFailure: Error {
    var status: ExitStatus
    var message: String

    init(_ status: ExitStatus, _ message: String = "") {
        self.status = status
        self.message = message
    }
}
