/// PostgreSQL's error codes that Octavo tells apart, by the names of its manual's appendix A.
public enum SQLState {
    /// A row with the same unique key exists.
    public static let uniqueViolation = "23505"
    /// A CHECK constraint refused a row.
    public static let checkViolation = "23514"
    /// Text that PostgreSQL cannot store, U+0000 above all.
    public static let characterNotInRepertoire = "22021"
    /// A statement inside a transaction that has already failed.
    public static let inFailedTransaction = "25P02"
    /// The connecting role's password is wrong.
    public static let invalidPassword = "28P01"
    /// The database named in the connection string does not exist.
    public static let invalidCatalogName = "3D000"
    /// The role lacks a privilege.
    public static let insufficientPrivilege = "42501"
    /// No such table or view.
    public static let undefinedTable = "42P01"
    /// No such function, or none that takes arguments of these types.
    public static let undefinedFunction = "42883"
    /// A write on a standby, or in a transaction that may only read.
    public static let readOnlyTransaction = "25006"
    /// A lock that was not to be had within `lock_timeout`.
    public static let lockNotAvailable = "55P03"
    /// Concurrent transactions that cannot be put in an order; run it again.
    public static let serializationFailure = "40001"
    /// Two transactions waited for each other; run it again.
    public static let deadlockDetected = "40P01"
    /// `max_connections` is used up.
    public static let tooManyConnections = "53300"
    /// Canceled, by a request or by the server's own time limits.
    public static let queryCanceled = "57014"
    /// The server is shutting down, or an operator ended the session.
    public static let adminShutdown = "57P01"
    /// Another backend crashed, and the server ended every session.
    public static let crashShutdown = "57P02"
    /// The server is starting, stopping or recovering.
    public static let cannotConnectNow = "57P03"

    /// Whether the same statement may succeed later with nothing changed but the server's condition.
    static func isTransient(_ state: String) -> Bool {
        let codes = [
            serializationFailure, deadlockDetected, queryCanceled, adminShutdown, crashShutdown, cannotConnectNow,
        ]
        let connectionTrouble = state.hasPrefix("08") && state != protocolViolation
        let resourcesUsedUp = state.hasPrefix("53")  // connections, memory, disk
        return codes.contains(state) || connectionTrouble || resourcesUsedUp
    }

    /// The two sides disagree about the protocol: no retry helps.
    private static let protocolViolation = "08P01"
}
