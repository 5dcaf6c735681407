public import OctavoCore

/// Why no text can be held to a structure.
public struct StructureError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The place within the schema, as a path: `properties.age.pattern`; empty for the whole.
    public var path: String
    /// What is wrong and what to do.
    public var reason: String

    init(_ reason: String, at path: String = "") {
        self.path = path
        self.reason = reason
    }

    /// The place and what is wrong there.
    public var description: String { path.isEmpty ? reason : "\(path): \(reason)" }

    /// The error of a request whose parameter `parameter` has the structure.
    public func requestError(parameter: String) -> RequestError {
        let place = path.isEmpty || path.hasPrefix("[") ? parameter + path : "\(parameter).\(path)"
        return RequestError(reason, parameter: place, code: "invalid_structure")
    }
}
