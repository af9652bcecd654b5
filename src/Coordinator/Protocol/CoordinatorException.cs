namespace ClipTrain.Coordinator.Protocol;

/// <summary>Thrown if the coordinator or the connection to it cannot be set up as configured. The message says what to change.</summary>
public sealed class CoordinatorStartException(string message, Exception? innerException = null) : Exception(message, innerException);

/// <summary>Thrown if the coordinator rejects a request. The message is its reason.</summary>
[GenerateSerializer]
public sealed class CoordinatorRefusedException(string message) : Exception(message);

/// <summary>Thrown if the coordinator cannot be reached within the client's patience.</summary>
public sealed class CoordinatorLostException(string message, Exception? innerException = null) : Exception(message, innerException);
