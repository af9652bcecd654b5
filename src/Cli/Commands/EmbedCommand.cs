using System.CommandLine;
using System.Globalization;
using ClipTrain.Cli.Embedding;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Coordinator.Processes;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Selection;
using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Runs;
using ClipTrain.Weights.Tensors;

namespace ClipTrain.Cli.Commands;

/// <summary><c>cliptrain embed MODEL CORPUS… -o DIR</c>: writes the embeddings of a corpus as Parquet files.</summary>
public sealed class EmbedCommand
{
    private static readonly TimeSpan TellEvery = TimeSpan.FromMilliseconds(200);

    private readonly Argument<string> _model = new("MODEL")
    {
        Description = "Run, checkpoint, exported folder (open_clip, Hugging Face or cliptrain), or weights file.",
    };
    private readonly Argument<string[]> _corpus = new("CORPUS")
    {
        Description = "Parquet files, folders of them, or globs.",
        Arity = ArgumentArity.OneOrMore,
    };
    private readonly Option<string> _output = new("--output", "-o")
    {
        Description = "Output folder. Parts that are already finished are kept.",
        Required = true,
    };
    private readonly Option<EmbeddingContent> _what = new("--what")
    {
        Description = "What to embed: images, texts or both.",
        DefaultValueFactory = _ => EmbeddingContent.Both,
    };
    private readonly Option<Precision> _precision = new("--precision")
    {
        Description = "Compute precision of the towers: fp32, bf16 or fp16. Embeddings are stored as fp32.",
    };
    private readonly Option<int> _batch = new("--batch") { Description = "Batch size in pairs.", DefaultValueFactory = _ => 64 };
    private readonly Option<int> _partSize = new("--part-size")
    {
        Description = "Minimum number of pairs per Parquet file. A killed process loses at most one part.",
        DefaultValueFactory = _ => 10_000,
    };
    private readonly Option<int> _workers = new("--workers")
    {
        Description = "Number of processes on this machine.",
        DefaultValueFactory = _ => 1,
    };
    private readonly Option<string?> _shard = new("--shard")
    {
        Description =
            "This process's shard I/N, with I counted from 0, e.g. 2/8: for schedulers that start the processes on machines that share "
            + "the output folder.",
    };
    private readonly Option<int?> _threads = new("--threads")
    {
        Description = "Compute and decoding threads per process. Default: cores divided by workers.",
    };
    private readonly Option<string> _device = new("--device")
    {
        Description = "cpu, cuda:N, or cuda (process i uses device i).",
        DefaultValueFactory = _ => "cpu",
    };
    private readonly Option<string?> _imageColumn = new("--image-column")
    {
        Description = "Column of the image bytes. Default: detected by its usual names.",
    };
    private readonly Option<string?> _captionColumn = new("--caption-column")
    {
        Description = "Column of the caption. Default: detected by its usual names.",
    };
    private readonly Option<string?> _modelName = ModelExportCommand.Model();
    private readonly Option<bool> _tell = new("--tell")
    {
        Description = "Print progress for the process that started this one.",
        Hidden = true,
    };

    private EmbedCommand() { }

    public static Command Create()
    {
        var self = new EmbedCommand();
        var command = new Command("embed", "Embed the images and texts of a corpus into Parquet files.")
        {
            self._model,
            self._corpus,
            self._output,
            self._what,
            self._precision,
            self._batch,
            self._partSize,
            self._workers,
            self._shard,
            self._threads,
            self._device,
            self._imageColumn,
            self._captionColumn,
            self._modelName,
            self._tell,
        };
        command.SetAction(parsed =>
        {
            // A process started by another one exits when that one does.
            using var watch = parsed.GetValue(self._tell) ? ParentWatch.Start() : null;
            return ImportRunner.Interruptible(
                "Run the same command again to embed the remaining parts.",
                cancellation => self.Run(parsed, cancellation)
            );
        });
        return command;
    }

    private int Run(ParseResult parsed, CancellationToken cancellation)
    {
        var workers = AtLeastOne(parsed, _workers);
        var (shard, shards) = Shard(parsed);
        if (parsed.GetValue(_shard) is not null && workers > 1 && !parsed.GetValue(_tell))
        {
            throw new UsageException("--shard and --workers cannot be combined");
        }

        var threads = parsed.GetValue(_threads) ?? Math.Max(1, Environment.ProcessorCount / workers);
        var what = parsed.GetValue(_what);
        using var opened = EmbeddingModel.Open(parsed.GetRequiredValue(_model), parsed.GetValue(_modelName), what);
        var corpus = CorpusSelector.Select(
            CorpusManifest.Create(
                parsed.GetRequiredValue(_corpus),
                parsed.GetValue(_imageColumn),
                parsed.GetValue(_captionColumn),
                captionRequired: what != EmbeddingContent.Images
            ),
            new SelectionOptions()
        );
        var plan = Plan(parsed, opened, corpus, what);
        var folder = new EmbeddingFolder(parsed.GetRequiredValue(_output));
        folder.Begin(plan);

        if (parsed.GetValue(_tell))
        {
            Embed(parsed, opened, corpus, plan, folder, shard, shards, threads, Teller(), cancellation);
            return ExitCodes.Ok;
        }

        var exit = ImportView.Show(
            "embedding",
            show =>
            {
                void Progress(EmbeddingProgress p) =>
                    show(new ImportFigures(p.Done - p.Bad, p.Bad, p.Total == 0 ? 1 : (double)p.Done / p.Total));
                if (workers > 1)
                {
                    return EmbeddingWorkers.Run(
                        [.. Enumerable.Range(0, workers).Select(i => Arguments(parsed, i, workers, threads))],
                        threads,
                        Progress,
                        cancellation
                    );
                }

                Embed(parsed, opened, corpus, plan, folder, shard, shards, threads, Progress, cancellation);
                return ExitCodes.Ok;
            }
        );
        return exit == ExitCodes.Ok ? Tell(folder, folder.WriteReport(plan, plan.Parts(corpus).Count)) : exit;
    }

    private void Embed(
        ParseResult parsed,
        EmbeddingModel opened,
        CorpusManifest corpus,
        EmbeddingPlan plan,
        EmbeddingFolder folder,
        int shard,
        int shards,
        int threads,
        Action<EmbeddingProgress> progress,
        CancellationToken cancellation
    )
    {
        var device = parsed.GetRequiredValue(_device);
        using var torchThread = new TorchThread();
        torchThread.Run(() =>
        {
            Threads.Set(threads);
            using var model = opened.Load(plan.Precision, ComputeDevice.Open(device == "cuda" ? $"cuda:{shard}" : device));
            new CorpusEmbedding(model, plan.HasTexts ? opened.Tokenizer() : null, opened, corpus, plan, folder, threads).Run(
                shard,
                shards,
                progress,
                cancellation
            );
            return ExitCodes.Ok;
        });
    }

    private EmbeddingPlan Plan(ParseResult parsed, EmbeddingModel opened, CorpusManifest corpus, EmbeddingContent what)
    {
        var image = opened.Transform;
        return new EmbeddingPlan
        {
            Model = WeightHash.Of(opened.Opened.Weights),
            Dimensions = opened.Run.Model.EmbedDim,
            What = what,
            Precision = parsed.GetValue(_precision),
            Batch = AtLeastOne(parsed, _batch),
            Transform =
                $"evaluation: {(image.Filter == ResampleFilter.Bicubic ? "bicubic" : "bilinear")} resize "
                + $"{(image.Resize == ResizeMode.Squash ? $"of both sides to {image.Size}" : $"of the shorter side to {image.Size}, centre crop")}, "
                + $"{(image.Normalization == ImageNormalization.Clip ? "CLIP's mean and deviation" : image.Normalization)}, "
                + $"{image.Type}{(image.Orient ? ", EXIF orientation" : "")}, at most {image.Limits.Pixels} pixels in "
                + $"{image.Limits.Bytes} bytes",
            Tokenizer = $"{opened.Vocabulary}, {opened.Run.Model.Text.Context} tokens",
            Corpus = corpus.Hash,
            Samples = corpus.SampleCount,
            PartSize = AtLeastOne(parsed, _partSize),
        };
    }

    /// <summary>Command line of one worker process.</summary>
    private string[] Arguments(ParseResult parsed, int shard, int shards, int threads)
    {
        string[] Given(Option<string?> option) => parsed.GetValue(option) is { } value ? [option.Name, value] : [];
        return
        [
            "embed",
            parsed.GetRequiredValue(_model),
            .. parsed.GetRequiredValue(_corpus),
            _output.Name,
            parsed.GetRequiredValue(_output),
            _what.Name,
            $"{parsed.GetValue(_what)}",
            _precision.Name,
            $"{parsed.GetValue(_precision)}",
            _batch.Name,
            $"{parsed.GetValue(_batch)}",
            _partSize.Name,
            $"{parsed.GetValue(_partSize)}",
            _shard.Name,
            $"{shard}/{shards}",
            _threads.Name,
            $"{threads}",
            _device.Name,
            parsed.GetRequiredValue(_device),
            .. Given(_imageColumn),
            .. Given(_captionColumn),
            .. Given(_modelName),
            _tell.Name,
        ];
    }

    private (int Shard, int Shards) Shard(ParseResult parsed)
    {
        if (parsed.GetValue(_shard) is not { } text)
        {
            return (0, 1);
        }

        return
            text.Split('/') is [var first, var second]
            && int.TryParse(first, NumberStyles.None, CultureInfo.InvariantCulture, out var shard)
            && int.TryParse(second, NumberStyles.None, CultureInfo.InvariantCulture, out var shards)
            && shard < shards
            ? (shard, shards)
            : throw new UsageException($"--shard is {text}; it must be I/N with I from 0 to N − 1, e.g. 2/8");
    }

    private static Action<EmbeddingProgress> Teller()
    {
        long? told = null;
        return progress =>
        {
            if (told is { } last && TimeProvider.System.GetElapsedTime(last) < TellEvery && progress.Done < progress.Total)
            {
                return;
            }

            told = TimeProvider.System.GetTimestamp();
            Console.WriteLine(EmbeddingWorkers.Format(progress));
        };
    }

    private static int Tell(EmbeddingFolder folder, EmbeddingReport report)
    {
        foreach (var sample in report.FirstBad.DistinctBy(sample => sample.Reason, StringComparer.Ordinal))
        {
            Console.WriteLine(sample);
        }

        Console.WriteLine(
            $"{Readable.Count(report.Embedded)} of {Readable.Count(report.Samples)} pairs embedded in "
                + $"{Readable.Count(report.PartsFinished)} of {Readable.Count(report.Parts)} parts in {folder.Path}; "
                + $"{Readable.Count(report.BadSamples)} bad samples, listed in {Path.Combine(folder.Path, EmbeddingFolder.ReportFile)}."
        );
        return report.Complete && report.Embedded == 0 ? ExitCodes.BadData : ExitCodes.Ok;
    }

    private static int AtLeastOne(ParseResult parsed, Option<int> option) =>
        parsed.GetValue(option) is >= 1 and var value
            ? value
            : throw new UsageException($"{option.Name} is {parsed.GetValue(option)}; it must be at least 1");
}
