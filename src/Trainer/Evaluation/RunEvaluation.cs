using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Loading;
using ClipTrain.DataPipeline.Selection;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Runs;
using ClipTrain.Trainer.Training;
using Serilog;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Evaluation;

/// <summary>Measures a model on every split that a run's options name. Runs on the torch thread.</summary>
public sealed class RunEvaluation(ClipModel model, ITokenizer tokenizer, RunOptions run, ILogger log)
{
    private readonly EvaluationOptions _options = run.Evaluation;

    /// <summary>Opens every split, so that a wrong path is told before training and not after.</summary>
    /// <exception cref="CorpusException">A split cannot be read, or lacks its label column.</exception>
    public static void CheckSplits(RunOptions run)
    {
        var options = run.Evaluation;
        foreach (var split in options.Retrieval)
            CorpusManifest.Create(split.Data);
        foreach (var split in options.ZeroShot)
            CheckLabels(split.Name, split.Data, split.LabelColumn, "label_column");
        foreach (var split in options.Classification)
            CheckLabels(split.Name, split.Data, run.Data.LabelColumn!, "data.label_column");
    }

    /// <summary>The figures, by the splits' names in the options' order.</summary>
    public IReadOnlyList<(string Split, object Figures)> Run()
    {
        var figures = new List<(string, object)>();
        foreach (var split in _options.Retrieval)
            figures.Add((split.Name, Measure(split)));
        foreach (var split in _options.ZeroShot)
            figures.Add((split.Name, Measure(split)));
        foreach (var split in _options.Classification)
            figures.Add((split.Name, Measure(split)));
        return figures;
    }

    private static void CheckLabels(string split, IReadOnlyList<string> data, string column, string key)
    {
        var columns = CorpusManifest.Create(data, captionRequired: false).Columns;
        if (columns.All(other => other.Name != column))
            throw new CorpusException($"Evaluation split '{split}' has no column '{column}'; its columns: {string.Join(", ", columns)}. Set {key}.");
    }

    private RetrievalResult Measure(RetrievalOptions split)
    {
        using var scope = NewDisposeScope();
        var (images_nD, captions) = EmbedImages(split.Name, split.Data, labelColumn: null, Embed);
        var concepts = captions.Distinct(StringComparer.Ordinal).ToArray();
        return Retrieval.Measure(images_nD, EmbedTexts(concepts), PlacesIn(concepts, captions));
    }

    private ZeroShotResult Measure(ZeroShotOptions split)
    {
        using var scope = NewDisposeScope();
        var (images_nD, labels) = EmbedImages(split.Name, split.Data, split.LabelColumn, Embed);
        var classes = labels.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToArray();
        var prompts = classes.SelectMany(name => split.Templates.Select(template => ZeroShot.Prompt(template, name))).ToArray();
        var prompts_ctD = EmbedTexts(prompts).view([classes.Length, split.Templates.Count, model.Options.EmbedDim]);
        return ZeroShot.Measure(images_nD, ZeroShot.ClassEmbeddings(prompts_ctD), PlacesIn(classes, labels));
    }

    private ZeroShotResult Measure(ClassificationOptions split)
    {
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var classes = RunPlan.Labels(run)!;
        var (images_nE, labels) = EmbedImages(split.Name, split.Data, classes.Column, images => TowerPass.Forward(model.FeatureSegments(), images));
        long[] numbers = [.. labels.Select(label => classes.Parse(label)
            ?? throw new CorpusException($"Evaluation split '{split.Name}': {classes.Refuse(label)}."))];
        // The bias is one more feature, of value 1.
        var weights_cE = cat([model.Parameters[ClassifierHead.Weight], model.Parameters[ClassifierHead.Bias].unsqueeze(1)], 1).to(CPU);
        return ZeroShot.Measure(cat([images_nE, ones([images_nE.size(0), 1], float32)], 1), weights_cE, numbers);
    }

    private torch.Tensor Embed(torch.Tensor images_b3SS) => model.EncodeImage(images_b3SS);

    /// <summary>For each text its place among the distinct ones.</summary>
    private static long[] PlacesIn(IReadOnlyList<string> distinct, IEnumerable<string> texts)
    {
        var places = distinct.Index().ToDictionary(text => text.Item, text => (long)text.Index, StringComparer.Ordinal);
        return [.. texts.Select(text => places[text])];
    }

    /// <summary>Embeds the images of a split with a function of b3SS; returns embeddings nD and each image's label, or its caption when no label column is named.</summary>
    private (torch.Tensor Images_nD, List<string> Texts) EmbedImages(string name, IReadOnlyList<string> data, string? labelColumn, Func<torch.Tensor, torch.Tensor> embed)
    {
        using var guard = no_grad();
        using var loader = new SequentialLoader(
            CorpusSelector.Select(CorpusManifest.Create(data, captionRequired: labelColumn is null), new SelectionOptions()),
            () => new ClipImageTransform(ImageInput.Evaluation(run)),
            new SequentialLoaderOptions { Batch = _options.Batch, Threads = Environment.ProcessorCount, LabelColumn = labelColumn, CaptionRequired = labelColumn is null },
            bad => log.Warning("{Sample}; left out of {Split}", bad.ToString(), name));
        var embeddings = new List<torch.Tensor>();
        var texts = new List<string>();
        foreach (var batch in loader.Read())
        {
            using var scope = NewDisposeScope();
            using (batch)
            {
                if (batch.Count == 0)
                    continue;
                var images = ImageInput.OnDevice(ImageInput.Wrap(batch.Images, batch.Count, run), model.Parameters.Master.device);
                embeddings.Add(embed(images).to(CPU).MoveToOuterDisposeScope());
                texts.AddRange((labelColumn is null ? batch.Captions : batch.Labels).Select(text => text!));
            }
        }

        return embeddings.Count > 0
            ? (cat([.. embeddings], 0), texts)
            : throw new CorpusException($"Evaluation split '{name}' has no usable row.");
    }

    private torch.Tensor EmbedTexts(IReadOnlyList<string> texts) => TextEmbedding.Of(model, tokenizer, texts, _options.Batch);
}
