using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Text;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;
using ClipTrain.Weights.Tensors;
using TorchSharp;

namespace ClipTrain.Trainer.Interop;

/// <summary>A model in files, ready to be read.</summary>
/// <param name="Options">Architecture.</param>
/// <param name="Weights">Weights under ClipTrain's names.</param>
/// <param name="Preprocessing">Image preprocessing.</param>
/// <param name="Merges">Vocabulary; null if the model's files do not include it.</param>
/// <param name="Run">The run that trained the model; null if another program trained it, or if unknown.</param>
public sealed record OpenedModel(ModelOptions Options, IWeights Weights, Preprocessing Preprocessing, MergeList? Merges, RunOptions? Run)
    : IDisposable
{
    /// <summary>
    /// Training objective; decides which parts the model has. A model of another program is assumed to be trained with the sigmoid
    /// loss if it adds a bias to its logits.
    /// </summary>
    public Objective Objective =>
        Run?.Training.Objective ?? (Weights.Shapes.ContainsKey(ClipModel.LogitBias) ? Objective.Sigmoid : Objective.Contrastive);

    /// <summary>True if images and texts share an embedding space.</summary>
    public bool HasSharedSpace => Objective.HasSharedSpace();

    /// <summary>True if the model adds a learned bias to its logits.</summary>
    public bool HasLogitBias => Objective.InitialLogits().Bias is not null;

    /// <summary>An evaluation transform with the model's preprocessing.</summary>
    /// <exception cref="UsageException">ClipTrain does not have the preprocessing.</exception>
    public ImageTransformOptions WithPreprocessing(ImageTransformOptions transform) =>
        Preprocessing.Refusal is { } refusal
            ? throw new UsageException($"{Weights.Path}: {refusal}")
            : transform with
            {
                Normalization = Preprocessing.Normalization,
                Filter = Preprocessing.Filter!.Value,
                Resize = Preprocessing.Resize!.Value,
            };

    /// <summary>The model's tokenizer.</summary>
    /// <exception cref="UsageException">The model's files do not include a tokenizer.</exception>
    public BpeTokenizer Tokenizer() =>
        Merges is not null
            ? new BpeTokenizer(Merges, Options.Text.Context)
            : throw new UsageException($"{Weights.Path}: has no tokenizer files next to it. Put vocab.json and merges.txt there.");

    /// <summary>Creates the model and loads its weights.</summary>
    /// <exception cref="WeightsException">The weights do not belong to the model.</exception>
    public ClipModel Load(Precision precision = Precision.Fp32, torch.Device? device = null)
    {
        var model = new ClipModel(Options, precision, seed: null, device, Objective);
        try
        {
            ModelWeights.LoadInto(model.Parameters, Weights);
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    public void Dispose() => Weights.Dispose();
}
