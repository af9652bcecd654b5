using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Loading;
using ClipTrain.DataPipeline.Selection;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Options;

namespace ClipTrain.Trainer.Runs;

/// <summary>
/// The training corpus of a run, or its mixture. The selection is made once, when the run begins; after that the manifest says what
/// was selected.
/// </summary>
public static class RunCorpus
{
    /// <summary>The corpus of a run that begins.</summary>
    /// <param name="options">The run's options.</param>
    /// <param name="onRule">Gets the name of each rule of the selection before it is applied, in a mixture after the corpus' name.</param>
    /// <exception cref="CorpusException">The corpus cannot be used, or a rule leaves nothing of it.</exception>
    /// <exception cref="UsageException">The list of queries cannot be read.</exception>
    public static CorpusManifest Select(RunOptions options, Action<string>? onRule = null)
    {
        var data = options.Data;
        var selection = new SelectionOptions
        {
            Filter = data.Filter,
            Deduplicate = data.Deduplicate,
            Queries = data.Balance.Queries is { } path ? Queries(path) : [],
            QueryCap = data.Balance.Cap,
            Subset = data.Subset,
            Seed = options.Seed,
        };
        return Open(
            data,
            (name, corpus) =>
            {
                if (corpus.ColumnsTaken is { } taken)
                    onRule?.Invoke(name is null ? taken : $"{name}: {taken}");
                return CorpusSelector.Select(corpus, selection, rule => onRule?.Invoke(name is null ? rule : $"{name}: {rule}"));
            }
        );
    }

    /// <summary>The corpus of a run that has begun, from the files that are here now and the selection that its manifest holds.</summary>
    /// <param name="data">The run's options.</param>
    /// <param name="begun">The manifest that the run began with.</param>
    /// <param name="error">Makes an error of what differs.</param>
    /// <param name="onTouched">Told of each file that was written since, and in which no difference was found.</param>
    /// <exception cref="CorpusException">The files here are others.</exception>
    public static CorpusManifest Continue(
        DataOptions data,
        CorpusManifest begun,
        Func<string, string> error,
        Action<string>? onTouched = null
    )
    {
        var here = Open(data, (_, corpus) => corpus);
        if (begun.DifferenceTo(here) is { } difference)
            throw new CorpusException(error(difference));
        if (onTouched is not null)
            begun.TouchedIn(here).ToList().ForEach(onTouched);
        return here.With(begun.Selection);
    }

    /// <param name="data">The run's options.</param>
    /// <param name="select">Gets each corpus with its name in the mixture, null for data.train; returns it with its samples.</param>
    private static CorpusManifest Open(DataOptions data, Func<string?, CorpusManifest, CorpusManifest> select)
    {
        return data.Mixture.Count == 0
            ? select(null, Create(data.Train, data.ImageColumn, data.CaptionColumn))
            : CorpusManifest.Mix([.. data.Mixture.Select(corpus => (corpus.Name, Of(corpus)))]);

        CorpusManifest Of(MixtureOptions corpus)
        {
            try
            {
                return select(corpus.Name, Create(corpus.Files, corpus.ImageColumn, corpus.CaptionColumn));
            }
            catch (CorpusException e)
            {
                throw new CorpusException($"data.mixture, corpus {corpus.Name}: {e.Message}", e);
            }
        }

        CorpusManifest Create(IReadOnlyList<string> files, string? image, IReadOnlyList<string>? captions) =>
            CorpusManifest.Create(
                files,
                new CorpusColumns
                {
                    Image = image,
                    Captions = captions ?? [],
                    CaptionRequired = data.LabelColumn is null,
                    EveryCaption = data.CaptionMode != CaptionMode.First,
                }
            );
    }

    private static string[] Queries(string path)
    {
        try
        {
            RegularFile.Require(path);
            string[] queries =
            [
                .. File.ReadLines(path).Where(line => !string.IsNullOrWhiteSpace(line)).Distinct(StringComparer.OrdinalIgnoreCase),
            ];
            return queries.Length > 0
                ? queries
                : throw new UsageException($"{path} holds no query; write one a line, or leave data.balance.queries out.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"data.balance.queries: {e.Message}");
        }
    }
}
