namespace ClipTrain.Evaluation.Datasets;

/// <summary>An image of an embedded set, without its pixels.</summary>
/// <param name="Key">Where it lies.</param>
/// <param name="Row">Its number among the set's rows.</param>
/// <param name="Label">Its class as the set writes it.</param>
/// <param name="Captions">Its captions, with those of later rows of the same group.</param>
/// <param name="Attributes">The values of the set's attribute columns, the group column behind them.</param>
/// <param name="Hash">Its perceptual hash.</param>
public sealed record SetImage(
    string Key,
    long Row,
    string? Label,
    IReadOnlyList<string> Captions,
    IReadOnlyList<string?> Attributes,
    ulong Hash
);

/// <summary>The images of a set with what a model makes of them.</summary>
/// <param name="Images">The images that could be used.</param>
/// <param name="Embeddings">Unit embeddings, a row an image.</param>
/// <param name="Features">Features before the projection, a row an image.</param>
/// <param name="LeftOut">Images that could not be decoded.</param>
public sealed record EmbeddedSet(IReadOnlyList<SetImage> Images, Matrix Embeddings, Matrix Features, int LeftOut);
