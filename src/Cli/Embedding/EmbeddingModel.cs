using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Text;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Interop;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Runs;
using TorchSharp;

namespace ClipTrain.Cli.Embedding;

/// <summary>Model for embedding a corpus.</summary>
/// <param name="Opened">The model.</param>
/// <param name="Run">Options that define the image preprocessing: those of the run that trained the model, or the defaults.</param>
public sealed record EmbeddingModel(OpenedModel Opened, RunOptions Run) : IDisposable
{
    /// <param name="path">Path in any form that <see cref="ModelFolder.Open"/> accepts.</param>
    /// <param name="model">Architecture of a bare weights file.</param>
    /// <param name="what">Content to embed.</param>
    /// <exception cref="UsageException">There is no model, or it cannot embed the content.</exception>
    /// <exception cref="WeightsException">The weights are damaged.</exception>
    public static EmbeddingModel Open(string path, string? model, EmbeddingContent what)
    {
        var opened = ModelFolder.Open(path, model);
        try
        {
            if (what != EmbeddingContent.Images && !opened.HasSharedSpace)
            {
                throw new UsageException(
                    $"{path}: the model was trained for {OptionSection.SnakeCase(opened.Objective.ToString())} and embeds no texts; give "
                        + "--what images."
                );
            }

            var found = new EmbeddingModel(
                opened,
                opened.Run
                    ?? new RunOptions
                    {
                        Model = opened.Options,
                        Data = new DataOptions(),
                        Training = new TrainingOptions { GlobalBatch = 1 },
                    }
            );
            _ = found.Transform;
            return found;
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }

    /// <summary>Transform of the images.</summary>
    /// <exception cref="UsageException">ClipTrain does not have the model's preprocessing.</exception>
    public ImageTransformOptions Transform => Opened.WithPreprocessing(RunPlan.Images(Run).Evaluation);

    /// <summary>Name of the vocabulary in the folder's plan.</summary>
    public string Vocabulary => Opened.Run?.Data.Merges ?? "the model's";

    /// <summary>The model's tokenizer.</summary>
    /// <exception cref="UsageException">The tokenizer is unknown.</exception>
    public ITokenizer Tokenizer() => Opened.Tokenizer();

    /// <summary>Loads the model with its weights. Call on the torch thread.</summary>
    public ClipModel Load(Precision precision, torch.Device device) => Opened.Load(precision, device);

    public void Dispose() => Opened.Dispose();
}
