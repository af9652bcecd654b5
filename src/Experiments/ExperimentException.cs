namespace ClipTrain.Experiments;

/// <summary>Thrown for an invalid sweep file, results file or argument. The message names it and says what to do.</summary>
public sealed class ExperimentException(string message) : Exception(message);
