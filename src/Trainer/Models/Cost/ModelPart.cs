using ClipTrain.Trainer.Parameters;

namespace ClipTrain.Trainer.Models.Cost;

/// <summary>What a part of a model costs for one image or one caption.</summary>
/// <param name="Tower">image or text.</param>
/// <param name="Name">The part.</param>
/// <param name="Tokens">Length of its sequence, or places of its last map.</param>
/// <param name="Parameters">Trained values.</param>
/// <param name="Macs">Multiplications of a forward pass over all tokens, attention's included.</param>
/// <param name="Activations">What a backward pass needs of the forward pass.</param>
public sealed record ModelPart(string Tower, string Name, long Tokens, long Parameters, long Macs, Activations Activations);
