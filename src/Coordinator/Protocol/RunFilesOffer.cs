namespace ClipTrain.Coordinator.Protocol;

/// <summary>What a worker on another machine needs of the run before it can join.</summary>
/// <param name="Config">The run's resolved configuration, as its file is.</param>
/// <param name="Manifest">The manifest of the run's corpus, as its file is.</param>
public sealed record RunFilesOffer(byte[] Config, byte[] Manifest);
