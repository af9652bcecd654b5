using System.CommandLine;
using ClipTrain.Cli.Runs;
using ClipTrain.DataPipeline.Import.Csv;
using ClipTrain.DataPipeline.Import.Folders;
using ClipTrain.DataPipeline.Import.Tar;
using ClipTrain.Trainer.Config;

namespace ClipTrain.Cli.Commands;

/// <summary><c>cliptrain data import csv|folder|tar|classes … -o DIR</c></summary>
public static class ImportCommand
{
    public static Command Create() =>
        new("import", "Bring images and captions into a corpus: Parquet files that ClipTrain and Hugging Face datasets read.")
        {
            Csv(),
            Folder(),
            Tar(),
            Classes(),
        };

    private static Command Csv()
    {
        var files = Inputs("FILE", "CSV or TSV files, or folders of them.");
        var image = new Option<string?>("--image-column")
        {
            Description = "Column with image paths: its name, or its number from 1. Found by its usual names when left out.",
        };
        var caption = new Option<string?>("--caption-column") { Description = "Column with captions, likewise." };
        var delimiter = new Option<string?>("--delimiter")
        {
            Description = "What separates fields: a character, or tab. A tab in .tsv files and a comma in others when left out.",
        };
        var noHeader = new Option<bool>("--no-header")
        {
            Description = "The first line is a row. Columns 1 and 2 are image and caption unless said otherwise.",
        };
        var noQuotes = new Option<bool>("--no-quotes") { Description = "A quote is a character as any other." };
        var root = new Option<string?>("--root") { Description = "Folder that image paths are relative to; the file's own when left out." };
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

    private static Command Folder()
    {
        var folders = Inputs("DIR", "Folders of images, each with a .txt or .json of the same name beside it.");
        var caption = Caption();
        var lines = new Option<bool>("--caption-lines")
        {
            Description = "Each line of a text is a caption of its own; else a text is one.",
        };
        var shared = new ImportArguments();
        var command = shared.AddTo(new Command("folder", "Import images with captions in files beside them.") { folders, caption, lines });
        command.SetAction(parsed =>
            ImportRunner.Run(
                shared.Read(parsed),
                () => new FolderSource(parsed.GetRequiredValue(folders), parsed.GetValue(caption), parsed.GetValue(lines))
            )
        );
        return command;
    }

    private static Command Tar()
    {
        var shards = Inputs("SHARD", "Webdataset tar files, plain or gzip, or folders of them.");
        var caption = Caption();
        var lines = new Option<bool>("--caption-lines")
        {
            Description = "Each line of a text is a caption of its own; else a text is one.",
        };
        var shared = new ImportArguments();
        var command = shared.AddTo(new Command("tar", "Import webdataset shards, such as img2dataset writes.") { shards, caption, lines });
        command.SetAction(parsed =>
            ImportRunner.Run(
                shared.Read(parsed),
                () => new TarSource(parsed.GetRequiredValue(shards), parsed.GetValue(caption), parsed.GetValue(lines))
            )
        );
        return command;
    }

    private static Command Classes()
    {
        var folder = new Argument<string>("DIR") { Description = "A folder with a folder of images for each class." };
        var template = new Option<string>("--template")
        {
            Description = $"Caption, with {ClassSource.Placeholder} for the class' name.",
            DefaultValueFactory = _ => "a photo of a {}",
        };
        var shared = new ImportArguments();
        var command = shared.AddTo(
            new Command("classes", "Import classified images: the folder's name becomes the column label, and the caption.")
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

    private static Option<string?> Caption() =>
        new("--caption")
        {
            Description =
                "Where the caption is: an extension such as alt.txt, or a field of the JSON. The .txt, else the field caption or text "
                + "when left out.",
        };

    private static char? Delimiter(string? text) =>
        text switch
        {
            null => null,
            "tab" or "\\t" => '\t',
            [var character] => character,
            _ => throw new UsageException($"--delimiter is {text}; give one character, or tab"),
        };
}
