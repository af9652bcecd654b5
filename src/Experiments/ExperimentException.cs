namespace ClipTrain.Experiments;

/// <summary>A sweep file, a results file or an argument that cannot be used. The message names it and says what to do.</summary>
public sealed class ExperimentException(string message) : Exception(message);
