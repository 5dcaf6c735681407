import ArgumentParser
import Foundation

/// Options from `OCTAVO_*` variables, for those that no flag sets.
enum Environment {
    /// A variable's value; empty counts as unset.
    static func string(_ name: String) -> String? {
        ProcessInfo.processInfo.environment[name].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// A variable's value as an option of some type.
    ///
    /// - Throws: a usage error naming the variable when it cannot be read so.
    static func value<Value: ExpressibleByArgument>(_ name: String, as type: Value.Type = Value.self) throws -> Value? {
        guard let text = string(name) else { return nil }
        guard let value = Value(argument: text) else {
            throw ValidationError("\(name) is \"\(text)\", which is not a valid value")
        }
        return value
    }
}
