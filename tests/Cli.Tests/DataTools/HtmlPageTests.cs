using System.Xml;
using System.Xml.Linq;
using ClipTrain.Evaluation.Report;
using ClipTrain.Tests.Shared;

namespace ClipTrain.Cli.Tests.DataTools;

public sealed class HtmlPageTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_page_is_well_formed_for_any_caption()
    {
        const string Caption = "<script>alert('x')</script> & \"\0\u0007\ud800\uFFFF\u200D🐶 ]]>";
        var path = Path.Combine(_folder.Path, "new", "page.html");

        HtmlPage.Write(path, Caption, Caption, HtmlPage.Tile("a", "1", Caption), HtmlPage.Image([1, 2], Caption));

        var page = Parse(path);
        Assert.Equal("<script>alert('x')</script> & \"\uFFFD\uFFFD\uFFFD\uFFFD\u200D🐶 ]]>", page.Descendants("h1").Single().Value);
        Assert.Empty(page.Descendants("script"));
        Assert.Equal("data:image/jpeg;base64,AQI=", page.Descendants("img").Single().Attribute("src")!.Value);
    }

    /// <summary>Parses a page as XML, after its document type.</summary>
    internal static XElement Parse(string path)
    {
        using var reader = XmlReader.Create(path, new XmlReaderSettings { DtdProcessing = DtdProcessing.Ignore });
        return XElement.Load(reader);
    }
}
