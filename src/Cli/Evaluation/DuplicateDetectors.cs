using ClipTrain.Evaluation.Datasets;
using ClipTrain.Evaluation.Suites;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Interop;
using ClipTrain.Trainer.Options;
using ClipTrain.Weights.Tensors;
using TorchSharp;

namespace ClipTrain.Cli.Evaluation;

/// <summary>The models with which a suite searches for near-duplicates, by the path that overlaps.model names.</summary>
internal sealed class DuplicateDetectors : IDisposable
{
    private readonly Dictionary<string, OpenedModel> _opened = new(StringComparer.Ordinal);
    private readonly List<EvaluatedClip> _loaded = [];

    /// <summary>Opens the models without loading their weights.</summary>
    /// <exception cref="UsageException">There is no model at a path, or its embeddings are not made to be compared.</exception>
    /// <exception cref="WeightsException">A model's files are missing or malformed.</exception>
    public DuplicateDetectors(SuiteOptions suite)
    {
        try
        {
            foreach (var path in suite.Overlaps.Select(overlap => overlap.Model).OfType<string>().Distinct(StringComparer.Ordinal))
            {
                _opened.Add(path, Open(path));
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Loads the weights. Call it on the torch thread.</summary>
    /// <exception cref="UsageException">ClipTrain does not have a model's image preprocessing.</exception>
    public IReadOnlyDictionary<string, IEvaluatedModel> Load(torch.Device device)
    {
        var models = new Dictionary<string, IEvaluatedModel>(StringComparer.Ordinal);
        foreach (var (path, opened) in _opened)
        {
            var model = new EvaluatedClip(opened, path, device);
            _loaded.Add(model);
            models.Add(path, model);
        }

        return models;
    }

    public void Dispose()
    {
        _loaded.ForEach(model => model.Dispose());
        foreach (var opened in _opened.Values)
        {
            opened.Dispose();
        }
    }

    private static OpenedModel Open(string path)
    {
        OpenedModel opened;
        try
        {
            opened = ModelFolder.Open(path);
        }
        catch (UsageException e)
        {
            throw new UsageException($"overlaps.model: {e.Message}");
        }
        catch (WeightsException e)
        {
            throw new WeightsException($"overlaps.model: {e.Message}", e);
        }

        if (opened.Objective.ComparesImages())
        {
            return opened;
        }

        var objective = OptionSection.SnakeCase(opened.Objective.ToString());
        opened.Dispose();
        throw new UsageException(
            $"overlaps.model: {path} was trained for {objective}, which learns no embeddings to compare images by. Name a run of "
                + "training.objective two_views, as configs/near-duplicates.yaml trains."
        );
    }
}
