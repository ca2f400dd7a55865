"""Word lists: names that are also words, and the words around names.

All folded to lower-case ASCII. `COMMON` makes a known name weak, `NOT_NAMES` ends a name that
follows a title or role, `ROLE` and `TITLE` announce one.
"""

from __future__ import annotations

from typing import Final

# English and German words that are also given or family names.
_NAME_WORDS: Final = frozenset(
    """
    abbot ackerman amber angel apple april archer art ash aspen august autumn baker banks barber
    barker barn bass bay beach bean bear bell berg best bill bird bishop black bloom blue bolt bond
    booker bow brand branch bridge bright brook brooks brown buck bull burn bush butcher butler
    cable call cannon carpenter carter case cash castle chance chandler charity chase chip christian
    church clay cliff clinch cole cook cooper corn cotton cross crystal curb curry daisy dale dawn
    day dean destiny dial diamond dick dove drew driver duke early earnest east ehrlich england
    faith farmer field finch fink first fish fisher flint flower flowers forest foster fountain fox
    frank franklin frost fuller gale gardener gate gay gene glass glover gold good grace grant gray
    green greene grey gross guy hall hammer hand handy hardy harmony hart hazel head heath heather
    heck heidi herb high hill hold holly home honey hood hook hope house hunt hunter hurt iris
    ivory ivy jack jade jasmine jay jet joy judge july june justice kaiser keen key king klein
    knight koch koenig kraft kurz lake lamb lance lane lang lange lark last law leaf lee lily link
    little lock long love low lucky mace major march mark marks marsh mason master may meadow melody
    mercy merry mild mill miller misty moon moor moore mueller nail neu neumann newman noble north
    oak oliver olive page park parker parks patience pearl penny pepper person pierce pike pilot
    place pole pool pope porter post potter powers price prince providence queen rain randy ranger
    rath rau ray reed reich reiter rhodes rich richter rider ring rip river rivers road robin rob
    rock rocky rod roof rose rot rowdy ruby rusty sage sailor salt sand sandy savage schneider
    schnell schwarz sharp shaw shell shepherd short silver singer skip sky skye smart smith snow
    sommer south spark sparks spring stamp star starling steel stein sterling stern stock stone
    storm strange street strong stark sue summer
    sunny swan sweet swift tanner taylor teller temple terry
    thorn tiger tower trip trinity tucker turner tyler van vernon victory violet wagner wait walker
    wall ward warden warm waters weber webb weiss welch wells west white wild wilder will winter
    wise wolf wolff wood woods worth wright young zimmer zimmermann
    arm baum blum bock braun busch dick ernst feld fest frei freund fuchs gut haas hahn hecht heck
    heller hell herbst hirsch hoch hof holz jaeger jung kahl kalt kern kirsch klar klug knapp kopf
    krank krause kreis kuehn lamm land laut lenz lieb loewe mai mann markt meister morgen mut nagel
    nacht not pfeiffer quell rein reis reuter ritter roth sauer schade schaefer schmidt schreiber
    schuster schulz sieg sonntag sorge stahl stange stolz strauss stumpf tag thal voll vogel vogt
    wahl wald wand weg weiss winkler wirt wolf zahn
    """.split()
) - frozenset(
    # The commonest family names: also trades, but in a narrative nearly always a person.
    """
    miller mueller smith taylor walker wright turner baker carter parker schmidt schneider
    weber wagner richter schaefer schulz krause neumann zimmermann moore butler foster fisher
    tucker mason tyler oliver franklin terry newman ackerman porter potter winkler roth vogt vogel
    pfeiffer schreiber schuster wolff chandler vernon greene rhodes brooks webb welch heidi jasmine
    """.split()
)

# Makes and models that are names of people or places: vehicle facts, so they survive alone.
_VEHICLE_NAMES: Final = frozenset(
    """
    acura astra audi austin bentley bmw bronco buick cadillac camry carrera cayenne chevrolet chevy
    chrysler citroen civic clio colorado corolla corsa corvette cougar dakota daimler daytona
    denali dodge eclipse edge escape escort expedition explorer ferrari fiat fiesta focus ford
    fusion galaxy genesis golf honda hummer hyundai impala infiniti isuzu jaguar jeep jetta jimmy
    kia lancia lancer leon lexus lincoln lotus lucid malibu marquis maserati maverick maxima mazda
    mercedes mercury mini mitsubishi montana monte carlo morgan mustang nissan nova octavia opel
    optima pacifica passat peugeot phantom polestar polo pontiac porsche prius ram ranger renault
    rogue rolls royce saab saturn savana savanna scion seat sequoia shelby sienna sierra silverado
    skoda smart sonata sorento subaru suburban suzuki tacoma tahoe taurus telluride tesla tiguan
    toledo touareg toyota transit tucson tundra veloster venture verona volkswagen volvo voyager
    vauxhall windstar wrangler yaris yukon zafira
    """.split()
)

COMMON: Final = _NAME_WORDS | _VEHICLE_NAMES

TITLE: Final = "mr mrs ms dr prof mister herr herrn frau".split()
ROLE: Final = """
    customer client owner driver advisor adviser technician tech mechanic manager salesman
    salesperson saleswoman passenger caller contact supervisor foreman representative agent
    kunde kundin kunden halter halterin fahrer fahrerin besitzer besitzerin eigentuemer
    eigentuemerin eigentumer eigentumerin techniker technikerin berater beraterin mechaniker
    mechanikerin meister serviceberater ansprechpartner ansprechpartnerin
    """.split()

# What follows a title or a role with a capital letter and is no name.
NOT_NAMES: Final = _VEHICLE_NAMES | frozenset(
    """
    a about above abs ac accident address advised after again agreed air airbag airbags all also
    alarm alert alleged although always am an and another any arrived as ask asked asks assist
    assistance associated at attempted authorised authorized aware back bag battery became because
    been before began being belief believes belt brake brakes brought but button by call called
    calls came can cannot car card care caused center centre changed check checked claimed claims
    comfort comes comment comments complained complains complaint concern concerned concerns
    confirmed contact contacted contacts continued copy could customer customers dash date dealer
    dealership declined defect demonstrated department describes desk details diagnosed did
    disconnected discovered display does door doors drive driver drivers drives driving drove during
    each education email engine error experience experienced experiences explained face failed
    failure feedback feels felt filed fill first fixed floor for found friendly from front
    frontal gets got guide had has hat have hazard he headrest hear heard hears held help her his
    hit hotline how however id identified if in indicated indicates info information informed
    injured inspected inspection installed interface is issue issued it its just keeps kept key
    knee known last later left letter license licence line listed looked lost made mail manager
    manual may mentioned mirror mirrors mode model more motor must my name named never new no noise
    not note noted notes notice noticed notices notified now number of off offered office old on
    once one only open operated opened or ordered other our out over own owned owner owners owns
    pad paid panel park parked passenger passengers pay per performed phone picked plans please
    power presence program protection provided pulled purchased put puts quoted ran rear recall
    received recommended records referenced refused relations removed repaired repair replaced
    replacement reported reports request requested requests responded restraint return returned
    returns reviewed right safety said sat satisfaction satisfied saw says seat seatbelt seats
    secured seeing selected seat sent service services set she should show side since smelled so
    software some speaking spoke started state stated states steering still stopped stuff support
    survey suspects sustained system take taken takes talked technician technicians tested thank
    thanks that the their them then there these they thinks this those to told took towed training
    tried turned under unit until up update upon us use used vehicle verified very wait waited
    waiting waived wants warned warranty was we weight went were what when where which while who
    whose will window with without witness would you your
    aber als am an auch auf aus bei beim bemaengelt berichtet bestaetigt bittet braucht
    bringt das dass dem den der des die durch ein eine einen er es fahrzeug gibt hat hatte holt ich
    ihr im ist kann kommt meldet mit moechte muss nach nicht noch oder ruft sagt sagte seite sie
    sind sitz sollte stellt teilt tuer und ueber um vom von vor war wartet weil wenn wie will wird
    wollte wuenscht wunscht zu zum zur
    january february march april june july august september october november december monday
    tuesday wednesday thursday friday saturday sunday
    januar februar maerz juni juli oktober dezember
    """.split()
)

# Between a number and "Street" in prose that is no address: "2 miles down the road".
NOT_STREET_NAMES: Final = NOT_NAMES | frozenset(
    """
    across active ahead along around bumpy busy city clear common country crowded curvy dead dirt
    double down dry empty every feet flat foot freeway gallon gravel highway hilly hour hours icy
    inch inches interstate km kmh km/h kph lane lanes lb lbs level local long lot lots main mile
    miles minute minutes month months mph narrow near open paved people percent public quiet
    residential rough rpm rural second seconds side slick small smooth snowy speed straight street
    ten time times two uneven vehicle vehicles volt volts way wet wheel wide winding year years
    yards four three five six eight open into onto through toward towards cars mi m meters metres
    """.split()
) - frozenset({"main", "long", "park", "lot"})
