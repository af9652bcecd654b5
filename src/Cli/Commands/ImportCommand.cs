using System.CommandLine;
using ClipTrain.DataPipeline.Import;
using ClipTrain.DataPipeline.Import.Csv;
using ClipTrain.DataPipeline.Import.Folders;
using ClipTrain.DataPipeline.Import.Json;
using ClipTrain.DataPipeline.Import.Tar;
using ClipTrain.Trainer.Config;

namespace ClipTrain.Cli.Commands;

/// <summary><c>cliptrain data import csv|jsonl|folder|tar|classes … -o DIR</c></summary>
public static class ImportCommand
{
    public static Command Create() =>
        new("import", "Import images and captions into a corpus of Parquet files (also readable by Hugging Face datasets).")
        {
            Csv(),
            JsonLines(),
            Folder(),
            Tar(),
            Classes(),
        };

    private static Command Csv()
    {
        var files = Inputs("FILE", "CSV or TSV files, or folders of them.");
        var image = new Option<string?>("--image-column")
        {
            Description = "Column of the image paths: a name, or a number from 1. Default: detected by its usual names.",
        };
        var caption = new Option<string?>("--caption-column")
        {
            Description = "Column of the captions: a name, or a number from 1. Default: detected by its usual names.",
        };
        var delimiter = new Option<string?>("--delimiter")
        {
            Description = "Field separator: one character, or tab. Default: tab in .tsv files, comma in others.",
        };
        var noHeader = new Option<bool>("--no-header")
        {
            Description = "The first line is data. Columns 1 and 2 are image and caption by default.",
        };
        var noQuotes = new Option<bool>("--no-quotes") { Description = "Treat quotes as ordinary characters." };
        var root = RootOption("table");
        var shared = new ImportArguments();
        var command = shared.AddTo(
            new Command("csv", "Import a table of image paths and captions.") { files, image, caption, delimiter, noHeader, noQuotes, root }
        );
        command.SetAction(parsed =>
            ImportRunner.Run(
                shared.Read(parsed),
                () =>
                    new CsvSource(
                        parsed.GetRequiredValue(files),
                        new CsvOptions
                        {
                            ImageColumn = parsed.GetValue(image),
                            CaptionColumn = parsed.GetValue(caption),
                            Delimiter = Delimiter(parsed.GetValue(delimiter)),
                            Header = !parsed.GetValue(noHeader),
                            Quotes = !parsed.GetValue(noQuotes),
                            Root = parsed.GetValue(root),
                        }
                    )
            )
        );
        return command;
    }

    private static Command JsonLines()
    {
        var files = Inputs("FILE", "Files of one JSON object per line, or folders of .jsonl and .ndjson files.");
        var image = new Option<string?>("--image-field")
        {
            Description = "Field of the image path. Default: file_name, image or another usual name.",
        };
        var caption = new Option<string?>("--caption")
        {
            Description = "Field of the caption, a text or a list of texts. Default: caption, text or captions.",
        };
        var root = RootOption("file");
        var shared = new ImportArguments();
        var command = shared.AddTo(
            new Command("jsonl", "Import JSON lines with image paths and captions.") { files, image, caption, root }
        );
        command.SetAction(parsed =>
            ImportRunner.Run(
                shared.Read(parsed),
                () =>
                    new JsonLinesSource(
                        parsed.GetRequiredValue(files),
                        parsed.GetValue(image),
                        parsed.GetValue(caption),
                        parsed.GetValue(root)
                    )
            )
        );
        return command;
    }

    private static Option<string?> RootOption(string table) =>
        new("--root") { Description = $"Folder that image paths are relative to. Default: the folder of the {table}." };

    private static Command Folder() =>
        WithSidecars(
            new Command("folder", "Import images with captions in sidecar files."),
            Inputs(
                "DIR",
                $"Folders of images, with a .txt or .json file for each image, or with {CsvSource.MetadataFile} or "
                    + $"{JsonLinesSource.MetadataFile} for all of them."
            ),
            OpenFolders
        );

    /// <summary>Hugging Face's imagefolder has its captions in a table; other folders have them beside the images.</summary>
    private static ImportSource OpenFolders(string[] folders, string? caption, bool isLineEach)
    {
        string[] names = [CsvSource.MetadataFile, JsonLinesSource.MetadataFile];
        string[] found = [.. folders.SelectMany(folder => names.Select(name => Path.Combine(folder, name))).Where(File.Exists)];
        if (found is [])
        {
            return new FolderSource(folders, caption, isLineEach);
        }

        var tables = Array.ConvertAll(folders, folder => Path.Combine(folder, Path.GetFileName(found[0])));
        if (Array.Find(tables, path => !File.Exists(path)) is { } without)
        {
            throw new UsageException($"{found[0]} exists, but {without} does not; import folders of both kinds separately.");
        }

        if (Array.Find(found, path => !tables.Contains(path, StringComparer.Ordinal)) is { } second)
        {
            throw new UsageException($"{second} stands beside another table of captions; move one of the two away.");
        }

        if (isLineEach)
        {
            throw new UsageException($"--caption-lines is for text files beside images; here {found[0]} has the captions.");
        }

        return Path.GetFileName(found[0]) == CsvSource.MetadataFile
            ? new CsvSource(tables, new CsvOptions { ImageColumn = CsvSource.MetadataImageColumn, CaptionColumn = caption })
            : new JsonLinesSource(tables, JsonLinesSource.MetadataImageField, caption);
    }

    private static Command Tar() =>
        WithSidecars(
            new Command("tar", "Import webdataset shards, e.g. from img2dataset."),
            Inputs("SHARD", "Webdataset tar files, plain or gzip, or folders of them."),
            (shards, caption, lines) => new TarSource(shards, caption, lines)
        );

    /// <summary>A command for images whose captions are in files of the same name.</summary>
    private static Command WithSidecars(Command command, Argument<string[]> inputs, Func<string[], string?, bool, ImportSource> open)
    {
        var caption = new Option<string?>("--caption")
        {
            Description =
                "Source of the caption: an extension such as alt.txt, or a JSON field. Default: the .txt file, else the JSON field caption "
                + "or text.",
        };
        var lines = new Option<bool>("--caption-lines") { Description = "Treat each line of a text file as a separate caption." };
        command.Add(inputs);
        command.Add(caption);
        command.Add(lines);
        var shared = new ImportArguments();
        shared.AddTo(command);
        command.SetAction(parsed =>
            ImportRunner.Run(
                shared.Read(parsed),
                () => open(parsed.GetRequiredValue(inputs), parsed.GetValue(caption), parsed.GetValue(lines))
            )
        );
        return command;
    }

    private static Command Classes()
    {
        var folder = new Argument<string>("DIR") { Description = "Folder with one subfolder of images per class." };
        var template = new Option<string>("--template")
        {
            Description = $"Caption template; {ClassSource.Placeholder} stands for the class name.",
            DefaultValueFactory = _ => "a photo of a {}",
        };
        var shared = new ImportArguments();
        var command = shared.AddTo(
            new Command("classes", "Import images sorted into class folders; the folder name becomes the label and the caption.")
            {
                folder,
                template,
            }
        );
        command.SetAction(parsed =>
            ImportRunner.Run(shared.Read(parsed), () => new ClassSource(parsed.GetRequiredValue(folder), parsed.GetRequiredValue(template)))
        );
        return command;
    }

    private static Argument<string[]> Inputs(string name, string description) =>
        new(name) { Description = description, Arity = ArgumentArity.OneOrMore };

    private static char? Delimiter(string? text) =>
        text switch
        {
            null => null,
            "tab" or "\\t" => '\t',
            [var character] => character,
            _ => throw new UsageException($"--delimiter is {text}; it must be one character, or tab"),
        };
}
