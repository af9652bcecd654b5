namespace ClipTrain.Coordinator.Protocol;

/// <summary>The coordinator, or the connection to it, cannot be set up as asked. The message says what to change.</summary>
public sealed class CoordinatorStartException(string message, Exception? innerException = null) : Exception(message, innerException);

/// <summary>The coordinator understood the request and refused it. The message is its reason.</summary>
[GenerateSerializer]
public sealed class CoordinatorRefusedException(string message) : Exception(message);

/// <summary>The coordinator could not be reached for longer than the client is ready to wait.</summary>
public sealed class CoordinatorLostException(string message, Exception? innerException = null) : Exception(message, innerException);
