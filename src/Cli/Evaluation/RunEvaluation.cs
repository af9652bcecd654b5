using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Loading;
using ClipTrain.DataPipeline.Text;
using ClipTrain.Evaluation.Retrieval;
using ClipTrain.Evaluation.ZeroShot;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Objectives;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Runs;
using Serilog;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Cli.Evaluation;

/// <summary>Results of one split.</summary>
/// <param name="Split">Name of the split.</param>
/// <param name="Task">Task: retrieval, zero_shot or classification.</param>
/// <param name="Figures">A <see cref="RetrievalResult"/> or <see cref="Classification"/>.</param>
public sealed record SplitFigures(string Split, string Task, object Figures);

/// <summary>Evaluation of a model on all splits of a run's options. Runs on the torch thread.</summary>
public sealed class RunEvaluation(ClipModel model, ITokenizer tokenizer, RunOptions run, ILogger log)
{
    private readonly EvaluationOptions _options = run.Evaluation;

    /// <summary>Adapts the run's image transform to the model; by default the run's is the model's.</summary>
    public Func<ImageTransformOptions, ImageTransformOptions> Preprocess { get; init; } = transform => transform;

    private readonly SplitCorpus _corpora = new(run, choice => log.Information("{Choice}", choice));

    /// <summary>Opens every split, so that errors such as a wrong path show before training and not after.</summary>
    /// <exception cref="CorpusException">A split cannot be read, or lacks its label column.</exception>
    public static void CheckSplits(RunOptions run)
    {
        var options = run.Evaluation;
        var corpora = new SplitCorpus(run, _ => { });
        foreach (var split in options.Retrieval)
        {
            Open(corpora, split);
        }

        foreach (var split in options.ZeroShot)
        {
            LabelNames.Of(split, CheckLabels(split.Name, Open(corpora, split), split.LabelColumn, "label_column"));
        }

        foreach (var split in options.Classification)
        {
            CheckLabels(split.Name, Open(corpora, split), run.Data.LabelColumn!, "data.label_column");
        }
    }

    /// <summary>Returns the results of the splits in the order of the options.</summary>
    public IReadOnlyList<SplitFigures> Run() =>
        [
            .. _options.Retrieval.Select(split => new SplitFigures(split.Name, "retrieval", Measure(split))),
            .. _options.ZeroShot.Select(split => new SplitFigures(split.Name, "zero_shot", Measure(split))),
            .. _options.Classification.Select(split => new SplitFigures(split.Name, "classification", Measure(split))),
        ];

    private static CorpusManifest CheckLabels(string split, CorpusManifest corpus, string column, string key) =>
        corpus.Columns.Any(other => other.Name == column)
            ? corpus
            : throw new CorpusException(
                $"Evaluation split '{split}' has no column '{column}'; its columns: {string.Join(", ", corpus.Columns)}. Set {key}."
            );

    private static CorpusManifest Open(SplitCorpus corpora, RetrievalOptions split) =>
        corpora.Open(split.Name, split.Data, new SplitColumns(split.ImageColumn, split.CaptionColumn), SplitContent.EveryCaption);

    private static CorpusManifest Open(SplitCorpus corpora, EvaluationSplit labelled) =>
        corpora.Open(labelled.Name, labelled.Data, new SplitColumns(labelled.ImageColumn, Captions: null), SplitContent.Labels);

    private RetrievalResult Measure(RetrievalOptions split)
    {
        using var scope = NewDisposeScope();
        var corpus = Open(_corpora, split);
        var images = new CaptionedImages(CorpusCaptions.Every(corpus, split.GroupBy));
        var (images_nD, _, indices) = EmbedImages(split.Name, corpus, labelColumn: null, Embed, images.IsFirst);
        var captions = indices.ConvertAll(images.CaptionsOf);
        var concepts = captions.SelectMany(texts => texts).Distinct(StringComparer.Ordinal).ToArray();
        var texts_mD = EmbedTexts(concepts);
        var places = captions.ConvertAll(texts => (IReadOnlyList<long>)PlacesIn(concepts, texts));
        return RetrievalRanking
            .Measure(images_nD, texts_mD, places)
            .With(
                HeldOutLoss.Measure(
                    images_nD,
                    texts_mD.index_select(0, tensor(places.ConvertAll(own => own[0]))),
                    (images_bD, texts_bD) => PairLosses.Of(model, run.Training.MaxLogitScale, images_bD, texts_bD)
                )
            );
    }

    private Classification Measure(ZeroShotOptions split)
    {
        using var scope = NewDisposeScope();
        var corpus = Open(_corpora, split);
        var scorer = ClassScorers.Of(model, tokenizer, _options.Batch, run.Training.MaxLogitScale);
        var (rows_nF, values, _) = EmbedImages(split.Name, corpus, split.LabelColumn, scorer.Encode);
        var names = LabelNames.Of(split, corpus);
        var labels = values.ConvertAll(value => LabelNames.Name(split, names, value));
        var classes = labels.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToArray();
        var prompts = classes.SelectMany(name => split.Templates.Select(template => ZeroShotClassifier.Prompt(template, name))).ToArray();
        var scores_nc = scorer.Score(rows_nF, prompts, split.Templates.Count);
        return Classification.Of(ZeroShotClassifier.FromScores(scores_nc, PlacesIn(classes, labels), scorer.Scale), classes.Length);
    }

    private Classification Measure(ClassificationOptions split)
    {
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var classes = RunPlan.Labels(run)!;
        var (images_nE, labels, _) = EmbedImages(
            split.Name,
            Open(_corpora, split),
            classes.Column,
            images => TowerPass.Forward(model.FeatureSegments(), images)
        );
        long[] numbers =
        [
            .. labels.Select(label =>
                classes.Parse(label) ?? throw new CorpusException($"Evaluation split '{split.Name}': {classes.Refuse(label)}.")
            ),
        ];
        // The bias is the weight of an additional feature of value 1.
        var weights_cE = cat([model.Parameters[ClassifierHead.Weight], model.Parameters[ClassifierHead.Bias].unsqueeze(1)], 1).to(CPU);
        var features = cat([images_nE, ones([images_nE.size(0), 1], float32)], 1);
        return Classification.Of(ZeroShotClassifier.Predict(features, weights_cE, numbers, logitScale: 1), (int)weights_cE.size(0));
    }

    private torch.Tensor Embed(torch.Tensor images_b3SS) => model.EncodeImage(images_b3SS);

    /// <summary>Index of each text among the distinct texts.</summary>
    private static long[] PlacesIn(IReadOnlyList<string> distinct, IEnumerable<string> texts)
    {
        var places = distinct.Index().ToDictionary(text => text.Item, text => (long)text.Index, StringComparer.Ordinal);
        return [.. texts.Select(text => places[text])];
    }

    /// <summary>
    /// Embeds the images of a split with a function of [b, 3, S, S]. Returns embeddings [n, D] and each image's label,
    /// or its caption if there is no label column.
    /// </summary>
    private (torch.Tensor Images_nD, List<string> Texts, List<long> Indices) EmbedImages(
        string name,
        CorpusManifest corpus,
        string? labelColumn,
        Func<torch.Tensor, torch.Tensor> embed,
        Predicate<long>? isUsed = null
    )
    {
        using var guard = no_grad();
        var transform = Preprocess(RunPlan.Images(run).Evaluation);
        using var loader = new SequentialLoader(
            corpus,
            () => new ClipImageTransform(transform),
            new SequentialLoaderOptions
            {
                Batch = _options.Batch,
                Threads = Environment.ProcessorCount,
                ImageTime = RunPlan.Images(run).Time,
                OnLongWait = wait => log.Warning("Evaluation of {Split}: {Wait}", name, wait),
                LabelColumn = labelColumn,
                CaptionRequired = labelColumn is null,
            },
            bad => log.Warning("{Sample}; skipped in {Split}", bad.ToString(), name)
        );
        var embeddings = new List<torch.Tensor>();
        var (texts, indices) = (new List<string>(), new List<long>());
        foreach (var batch in loader.Read())
        {
            using var scope = NewDisposeScope();
            using (batch)
            {
                if (batch.Count == 0)
                {
                    continue;
                }

                var images = ImageInput.OnDevice(RunPlan.Images(run).Wrap(batch.Images, batch.Count), model.Parameters.Master.device);
                var embedded = embed(images).to(CPU);
                int[] used = [.. Enumerable.Range(0, batch.Count).Where(i => isUsed?.Invoke(batch.Indices[i]) ?? true)];
                if (used.Length == 0)
                {
                    continue;
                }

                embeddings.Add(
                    (
                        used.Length == batch.Count ? embedded : cat([.. used.Select(i => embedded.narrow(0, i, 1))], 0)
                    ).MoveToOuterDisposeScope()
                );
                texts.AddRange(used.Select(i => (labelColumn is null ? batch.Captions : batch.Labels)[i]!));
                indices.AddRange(used.Select(i => batch.Indices[i]));
            }
        }

        return embeddings.Count > 0
            ? (cat([.. embeddings], 0), texts, indices)
            : throw new CorpusException($"Evaluation split '{name}' has no usable row.");
    }

    private torch.Tensor EmbedTexts(IReadOnlyList<string> texts) => TextEmbedding.Of(model, tokenizer, texts, _options.Batch);
}
