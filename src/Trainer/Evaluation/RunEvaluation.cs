using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Loading;
using ClipTrain.Torch;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Models;
using Serilog;
using static ClipTrain.Torch.torch;

namespace ClipTrain.Trainer.Evaluation;

/// <summary>Measures a model on every split that a run's options name. Runs on the torch thread.</summary>
public sealed class RunEvaluation(ClipModel model, ITokenizer tokenizer, EvaluationOptions options, ILogger log)
{
    /// <summary>Opens every split, so that a wrong path is told before training and not after.</summary>
    /// <exception cref="CorpusException">A split cannot be read, or lacks its label column.</exception>
    public static void CheckSplits(EvaluationOptions options)
    {
        foreach (var split in options.Retrieval)
            CorpusManifest.Create(split.Data, null, null);
        foreach (var split in options.ZeroShot)
            CorpusManifest.Create(split.Data, null, null).RequireColumn(split.LabelColumn);
    }

    /// <summary>The figures, by the splits' names in the options' order.</summary>
    public IReadOnlyList<(string Split, object Figures)> Run()
    {
        var figures = new List<(string, object)>();
        foreach (var split in options.Retrieval)
            figures.Add((split.Name, Measure(split)));
        foreach (var split in options.ZeroShot)
            figures.Add((split.Name, Measure(split)));
        return figures;
    }

    private RetrievalResult Measure(RetrievalOptions split)
    {
        using var scope = NewDisposeScope();
        var (images_nD, captions) = EmbedImages(split.Name, split.Data, labelColumn: null, sample => sample.Caption);
        var concepts = captions.Distinct(StringComparer.Ordinal).ToArray();
        var conceptOf = concepts.Index().ToDictionary(concept => concept.Item, concept => (long)concept.Index, StringComparer.Ordinal);
        return Retrieval.Measure(images_nD, EmbedTexts(concepts), [.. captions.Select(caption => conceptOf[caption])]);
    }

    private ZeroShotResult Measure(ZeroShotOptions split)
    {
        using var scope = NewDisposeScope();
        var (images_nD, labels) = EmbedImages(split.Name, split.Data, split.LabelColumn, sample => sample.Label);
        var classes = labels.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToArray();
        var prompts = classes.SelectMany(name => split.Templates.Select(template => ZeroShot.Prompt(template, name))).ToArray();
        var prompts_ctD = EmbedTexts(prompts).view([classes.Length, split.Templates.Count, model.Options.EmbedDim]);
        return ZeroShot.Measure(images_nD, ZeroShot.ClassEmbeddings(prompts_ctD), [.. labels.Select(label => (long)Array.IndexOf(classes, label))]);
    }

    /// <summary>Embeds the images of a split for which <paramref name="text"/> has one; returns embeddings nD and the texts.</summary>
    private (torch.Tensor Images_nD, List<string> Texts) EmbedImages(string name, IReadOnlyList<string> data, string? labelColumn, Func<EvaluationSample, string?> text)
    {
        using var guard = no_grad();
        var size = model.Options.Image.Size;
        var manifest = CorpusManifest.Create(data, null, null);
        using var loader = new SequentialLoader(
            manifest,
            () => new ClipImageTransform(new ImageTransformOptions(size)),
            new SequentialLoaderOptions { BatchSize = options.Batch, Threads = Environment.ProcessorCount, LabelColumn = labelColumn },
            bad => log.Warning("{File}, row {Row}: {Reason}; left out of {Split}.", bad.File, bad.Row, bad.Reason, name));
        var embeddings = new List<torch.Tensor>();
        var texts = new List<string>();
        while (loader.Take() is { } batch)
        {
            using var scope = NewDisposeScope();
            using (batch)
            {
                var images = from_blob(batch.Images, [batch.Count, 3, size, size], float32).to(model.Parameters.Master.device);
                var kept = batch.Samples.Index().Where(sample => text(sample.Item) is not null).ToArray();
                if (kept.Length == 0)
                    continue;
                var rows = tensor([.. kept.Select(sample => (long)sample.Index)]);
                embeddings.Add(model.EncodeImage(images).to(CPU).index_select(0, rows).MoveToOuterDisposeScope());
                texts.AddRange(kept.Select(sample => text(sample.Item)!));
            }
        }

        return embeddings.Count > 0
            ? (cat([.. embeddings], 0), texts)
            : throw new CorpusException($"Evaluation split '{name}' has no usable row.");
    }

    private torch.Tensor EmbedTexts(IReadOnlyList<string> texts)
    {
        using var guard = no_grad();
        var context = model.Options.Text.Context;
        var embeddings = new List<torch.Tensor>();
        foreach (var chunk in texts.Chunk(options.Batch))
        {
            using var scope = NewDisposeScope();
            var tokens = new long[chunk.Length * context];
            var ends = new long[chunk.Length];
            for (var i = 0; i < chunk.Length; i++)
                ends[i] = tokenizer.Encode(chunk[i], tokens.AsSpan(i * context, context));
            var device = model.Parameters.Master.device;
            var tokens_bL = tensor(tokens).view([chunk.Length, context]).to(device);
            embeddings.Add(model.EncodeText(tokens_bL, tensor(ends).to(device), ends.Max()).to(CPU).MoveToOuterDisposeScope());
        }

        return cat([.. embeddings], 0);
    }
}
